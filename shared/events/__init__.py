"""The published language: one module per producer, one class per fact, versions only grow."""
