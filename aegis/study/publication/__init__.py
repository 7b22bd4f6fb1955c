"""Publication: what ties a locked plan to a time that its author cannot choose afterwards.

Plan and seal are plain digests in one folder, so whoever holds the folder can write both anew. A
line that was published, a commit that others hold, or a time stamp of an outside authority cannot
be written anew with them.
"""
