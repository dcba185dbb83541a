"""Finished videos in an S3 bucket, with links that expire.
It knows no engine and no page.
"""
