"""Pages of other servers: which may be asked, how they are fetched, and what a sitemap lists.

An admin names the address, but what stands behind it is a stranger's: a name may lead into our own network, a
page may have no end, a redirect may lead anywhere. `docs/decisions/fetching.md` says what is done about each.
"""
