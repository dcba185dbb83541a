"""Networks on a device: loaded, placed, offloaded, with LoRAs and the attention kernel chosen.
It knows no task.
"""
