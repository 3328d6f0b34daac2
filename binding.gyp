{
  # node-gyp rebuild. Sources, flags and defines are those of native/sources.json.
  "variables": {
    "list": "node -p \"const l = require('./native/sources.json');",
    "core_sources": "<(list) [...l.core, ...l.platform[process.platform]].join(' ')\"",
    "core_flags": "<(list) [...l.flags.compile, ...l.flags.core].join(' ')\"",
    "addon_sources": "<(list) l.addon.join(' ')\"",
    "addon_flags": "<(list) [...l.flags.compile, ...l.flags.addon].join(' ')\"",
    "link_flags": "<(list) l.flags.link[process.platform].join(' ')\"",
    "defines": "<(list) l.defines.join(' ')\""
  },
  "target_defaults": {
    "include_dirs": ["native"],
    "cflags_cc!": ["-std=gnu++17", "-std=gnu++20", "-O3"],
    # On macOS, gyp ignores cflags_cc and ldflags.
    "xcode_settings": {
      "CLANG_CXX_LANGUAGE_STANDARD": "c++20",
      "MACOSX_DEPLOYMENT_TARGET": "11.0",
      "OTHER_LDFLAGS": ["<!@(<(link_flags))"]
    }
  },
  "targets": [
    {
      "target_name": "shmwire_core",
      "type": "static_library",
      "sources": ["<!@(<(core_sources))"],
      "cflags_cc": ["<!@(<(core_flags))"],
      "xcode_settings": { "OTHER_CPLUSPLUSFLAGS": ["<!@(<(core_flags))"] }
    },
    {
      "target_name": "shmwire",
      "dependencies": ["shmwire_core"],
      "sources": ["<!@(<(addon_sources))"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["<!@(<(defines))"],
      "cflags_cc": ["<!@(<(addon_flags))"],
      "xcode_settings": { "OTHER_CPLUSPLUSFLAGS": ["<!@(<(addon_flags))"] },
      "ldflags": ["<!@(<(link_flags))"]
    }
  ]
}
