"""Job logs: written by backends and by us, shown in the job, read to the byte on their own."""
