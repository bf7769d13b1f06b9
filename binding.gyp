{ "includes": ["native/hadamard.gypi"] }
