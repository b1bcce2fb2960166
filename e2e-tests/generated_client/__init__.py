"""The API's document is good enough that a generated client does the whole road with it."""
