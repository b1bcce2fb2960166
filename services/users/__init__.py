"""Accounts, tokens and keys. The only signer; every other service believes what it signs."""
