"""Sampling from noise to latents: schedule, guidance, step cache, denoising loop.
It knows no files and no networks by class.
"""
