"""The files service: what people upload, what modules make of it, and who still needs it."""
