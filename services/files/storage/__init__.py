"""Where blobs are kept: one small interface, and its implementations."""
