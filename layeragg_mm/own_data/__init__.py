"""A user's own data in a config: named by flags, or found in a folder (:func:`layeragg_mm.own_data.use.use_data`)."""
