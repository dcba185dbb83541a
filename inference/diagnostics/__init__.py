"""Diagnostics of a machine: packages, GPU, disks, kernels.
They run no job.
"""
