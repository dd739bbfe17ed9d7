"""The worker's side of a TaskBridge.

address, credentials, tls          where it is, and how both sides prove who they are
connection -> client               HTTP, then one method for each call of the protocol
outage, leases                     whether it is reachable, and which tasks it leased to us
bridge                             all of it for one worker: the only door for what lies above
"""
