"""Face animation: from mouth curves to a moving face, by warps, lips, teeth, eyes and light.
This room knows no sound.
"""
