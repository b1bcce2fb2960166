"""Outgoing webhooks: a user's machines are told of that user's runs and jobs by a signed POST."""
