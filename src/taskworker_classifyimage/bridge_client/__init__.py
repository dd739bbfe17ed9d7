"""The worker's side of a TaskBridge: where it is, how to call it, how to wait while it is away."""
