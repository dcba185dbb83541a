"""Model files: what is known of each, how it is fetched, checked, made lean and loaded.
They know no network and no job.
"""
