"""How processes that run the small model get along on few cores."""

_KEPT = str(2**32)  # bytes

# Threads of several processes would wait for each other. Memory that is freed is soon asked for
# again: to hand it back each time takes a fifth of the small model's time.
ON_FEW_CORES = {
    "OMP_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": _KEPT,
    "MALLOC_TRIM_THRESHOLD_": _KEPT,
}
