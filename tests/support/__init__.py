"""What tests share: a plain TaskBridge client, programs run as a user runs them, pictures."""
