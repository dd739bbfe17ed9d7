from support.downloads import no_proxies, server, target

__all__ = ["no_proxies", "server", "target"]
