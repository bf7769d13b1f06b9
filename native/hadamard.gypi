# The addon and its static libraries. Included by a one-line binding.gyp at the package's root; sources are named from
# this directory. Each instruction set is a library of its own, so that its flags reach nothing else.
{
  "target_defaults": {
    "cflags_cc!": ["-fno-exceptions", "-fexceptions", "-fno-rtti", "-frtti", "-std=gnu++17", "-std=gnu++20"],
    "cflags_cc": [
      "-O3", "-std=c++20", "-fvisibility=hidden", "-fvisibility-inlines-hidden", "-fno-math-errno",
      "-ffp-contract=off", "-Wall", "-Wextra"
    ],
    "conditions": [
      ["target_arch=='x64'", {"defines": ["HADAMARD_X64"]}],
      ["target_arch=='arm64'", {"defines": ["HADAMARD_ARM64"]}],
      ["OS=='linux'", {
        "ldflags": ["-Wl,--gc-sections", "-Wl,--version-script=<(module_root_dir)/native/exports.map"]
      }]
    ],
    "xcode_settings": {
      "CLANG_CXX_LANGUAGE_STANDARD": "c++20",
      "CLANG_CXX_LIBRARY": "libc++",
      "MACOSX_DEPLOYMENT_TARGET": "11.0",
      "GCC_OPTIMIZATION_LEVEL": "3",
      "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
      "OTHER_CPLUSPLUSFLAGS": ["-ffp-contract=off", "-fno-math-errno"]
    },
    "msvs_settings": {
      "VCCLCompilerTool": {"Optimization": 2, "AdditionalOptions": ["/std:c++20", "/clang:-ffp-contract=off"]}
    }
  },
  "targets": [
    {
      "target_name": "hadamard",
      "sources": ["addon.cc", "addon_csv.cc", "addon_csv_reader.cc", "addon_executable.cc", "addon_rows.cc", "addon_row_jobs.cc", "addon_values.cc"],
      "dependencies": ["hadamard_core"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": [
        "NAPI_VERSION=8", "NAPI_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED",
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"
      ],
      "cflags_cc": ["-fexceptions"],
      "xcode_settings": {"GCC_ENABLE_CPP_EXCEPTIONS": "YES"},
      "msvs_settings": {"VCCLCompilerTool": {"ExceptionHandling": 1}}
    },
    {
      "target_name": "hadamard_core",
      "type": "static_library",
      "dependencies": ["kernels_scalar"],
      "conditions": [
        ["target_arch=='x64'", {"dependencies": ["kernels_avx2", "kernels_avx512"]}],
        ["target_arch=='arm64'", {"dependencies": ["kernels_neon"]}]
      ],
      "cflags_cc": ["-fno-exceptions", "-fno-rtti"],
      "sources": [
        "compute_thread.cc",
        "cpu.cc",
        "csv.cc",
        "csv_block.cc",
        "csv_number.cc",
        "csv_pieces.cc",
        "csv_texts.cc",
        "dispatch.cc",
        "early_checks.cc",
        "executor.cc",
        "file_pieces.cc",
        "program.cc",
        "row_loops.cc",
        "signature.cc",
        "thread_pool.cc",
        "training_thread.cc"
      ]
    },
    {
      "target_name": "kernels_scalar",
      "type": "static_library",
      "cflags_cc": ["-fno-exceptions", "-fno-rtti"],
      "sources": ["isa/scalar.cc", "isa/csv_scalar.cc"]
    }
  ],
  "conditions": [
    ["target_arch=='x64'", {
      "targets": [
        {
          "target_name": "kernels_avx2",
          "type": "static_library",
          "sources": ["isa/avx2.cc", "isa/csv_avx2.cc", "isa/csv_numbers_avx2.cc"],
          "conditions": [
            ["OS=='win'", {"msvs_settings": {"VCCLCompilerTool": {"EnableEnhancedInstructionSet": 5}}}],
            ["OS=='mac'", {"xcode_settings": {"OTHER_CPLUSPLUSFLAGS": ["-mavx2", "-mfma"]}}],
            ["OS!='win' and OS!='mac'", {"cflags_cc": ["-fno-exceptions", "-fno-rtti", "-mavx2", "-mfma"]}]
          ]
        },
        {
          "target_name": "kernels_avx512",
          "type": "static_library",
          "sources": ["isa/avx512.cc", "isa/csv_avx512.cc"],
          "variables": {
            "avx512_flags": ["-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mfma", "-mprefer-vector-width=512"]
          },
          "conditions": [
            ["OS=='win'", {"msvs_settings": {"VCCLCompilerTool": {"AdditionalOptions": ["/arch:AVX512"]}}}],
            ["OS=='mac'", {"xcode_settings": {"OTHER_CPLUSPLUSFLAGS": ["<@(avx512_flags)"]}}],
            ["OS!='win' and OS!='mac'", {"cflags_cc": ["-fno-exceptions", "-fno-rtti", "<@(avx512_flags)"]}]
          ]
        }
      ]
    }],
    ["target_arch=='arm64'", {
      "targets": [
        {
          "target_name": "kernels_neon",
          "type": "static_library",
          "cflags_cc": ["-fno-exceptions", "-fno-rtti"],
          "sources": ["isa/neon.cc", "isa/csv_neon.cc"]
        }
      ]
    }]
  ]
}
