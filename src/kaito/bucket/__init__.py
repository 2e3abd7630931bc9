"""Buckets that speak Amazon S3's protocol: folders of weights in both directions.

Transfers are the registry's: ranges in parallel, a journal, checksums. Only the logins and their
signatures are Amazon's own library's; it imports slowly, and only here.
"""
