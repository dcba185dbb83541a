"""A stand-in for Modal's servers, so that the app can be deployed and used with no network.

The `modal` client and the runtime in the containers are Modal's own, unchanged; only the servers
that both talk to are played here. What is recorded of them is what the client sends.
"""
