"""From curves to a face that moves: warps, lips, teeth, eyes, light.
It knows no sound.
"""
