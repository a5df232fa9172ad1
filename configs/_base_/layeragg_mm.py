custom_imports = dict(imports=['layeragg_mm'], allow_failed_imports=False)
