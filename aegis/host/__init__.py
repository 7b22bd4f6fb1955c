"""What the machine gives a process: folders, the choice of OpenGL, the life of a handle over forks.

Every room above the core, `envs` and `policies` may use it. It imports the errors of the core and
the standard library, `compilation` also numba and `dispatch` numpy; it reads the environment where
nothing else does.
"""
