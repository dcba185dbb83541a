"""Transfer of videos and input files to and from an S3 bucket, with links that expire.
It knows no engine and no page.
"""
