// What a command says to the person who gave it.
#pragma once

#include <string>

namespace cesasim {

/// "cesasim: MESSAGE" on standard error, after what standard output has to say.
void complain(const std::string& message);

}  // namespace cesasim
