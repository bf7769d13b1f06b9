#include "addon_executable.h"
namespace hadamard::addon {
void define_executable(Napi::Env, Napi::Object) {}
}
