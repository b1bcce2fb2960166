"""One module per service called: views of what callers rely on, never the server's own schemas."""
