custom_imports = dict(imports=['layeragg_mm', 'layeragg_mm.engine'], allow_failed_imports=False)
