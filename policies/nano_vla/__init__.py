"""policies/nano_vla"""
