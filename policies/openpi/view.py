"""View: which of our pictures a server looks at; that of all policies, see ``policies.views``."""

from policies.views import View

__all__ = ["View"]
