{
  # For developers and source builds: node-gyp rebuild. Sources and flags are those of native/sources.json.
  "variables": {
    "list": "node -p \"const l = require('./native/sources.json'); const s = [...l.core, ...l.platform[process.platform], ...l.addon]; s.join(' ')\"",
    "compile": "node -p \"require('./native/sources.json').flags.compile.join(' ')\"",
    "link": "node -p \"require('./native/sources.json').flags.link.join(' ')\"",
    "defines": "node -p \"require('./native/sources.json').defines.join(' ')\""
  },
  "targets": [
    {
      "target_name": "shmwire",
      "sources": ["<!@(<(list))"],
      "include_dirs": ["native"],
      "defines": ["<!@(<(defines))"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20", "-O3"],
      "cflags_cc": ["<!@(<(compile))"],
      "ldflags": ["<!@(<(link))"]
    }
  ]
}
