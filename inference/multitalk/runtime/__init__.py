"""Networks on a device: loading, placement, offloading, LoRAs and choice of the attention kernel.
It knows no task.
"""
