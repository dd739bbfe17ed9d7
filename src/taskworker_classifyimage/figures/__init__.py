"""What a worker can be asked while it works: figures of its tasks, and how they are shown.

(pipeline) -> work      plain numbers, counted at each task
work, gauges -> log, systemd, `work --top`, metrics
metrics -> port         for Prometheus, with the answers for health checks
heartbeat               a file, for health checks without a port
"""
