// The export parseCsv: the rows of a CSV as typed arrays.
#pragma once

#include <napi.h>

#include "csv.h"

namespace hadamard::addon {

// parseCsv(bytes, start, line, delimiter, declared, missing, allowMissing), as CsvBodyOptions of src/data/csv-parser.ts has
// them. Gives what parseBody there gives.
Napi::Value parse_csv(const Napi::CallbackInfo& call);

// A CsvFailure of src/data/csv-parser.ts.
Napi::Object failure_object(Napi::Env env, const CsvFailure& failure);

}  // namespace hadamard::addon
