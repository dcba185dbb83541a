"""What a machine can do: packages, GPU, disks, kernels.
It runs no job.
"""
