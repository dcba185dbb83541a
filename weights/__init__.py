"""Model files: the manifest, download, verification, lean copies and loading.
They know no network and no job.
"""
