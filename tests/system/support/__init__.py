"""What the system tests share: servers on ports of their own, a small client, waiting."""
