"""From noise to latents: schedule, guidance, skipped steps.
It knows no files and no networks by class.
"""
