"""The embedded runtime: broker, store, services and mailbox as processes of this machine."""
