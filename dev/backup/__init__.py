"""A copy of a whole system, made while it runs, and a system made of it: `make backup`, `restore`.

What makes the copy consistent, although the five databases are not copied at one moment:

1. NATS stands still meanwhile. Requests go on; whatever happens waits in the outboxes, and so is in
   the copies. Nothing in the copy of NATS is younger than the copy of any database.
2. Who holds another's id is copied before whom it belongs to: runs, pipelines, modules, files,
   users. A thing that went in between has left an event in its owner's outbox, which is told after
   the restoration and takes along what hangs on it.
3. A blob never changes, so all are copied before and what is new after; then every file of the
   database's copy must have its content, by digest.
"""
