// SPDX-License-Identifier: Apache-2.0
// Text for a screen of some width: broken between words, never within one.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace cesasim {

/// Characters of UTF-8 text, each one column wide.
std::size_t text_width(const std::string& text);

/// The words of `text` in lines of at most `width` columns; a word that is longer has a line of its
/// own.
std::vector<std::string> wrap_words(const std::string& text, std::size_t width);

/// Breaks the lines of `text` that are wider than `width`; what follows stands `hang` columns
/// further in than the line began. Zero is no limit.
std::string fold_lines(const std::string& text, std::size_t width, std::size_t hang);

/// A name and what it is: "NAME  TEXT", with the text's further lines under its first. A name wider
/// than `column` has the text below it. Ends with a newline. A `width` of zero is no limit, and the
/// text always beside the name.
std::string name_and_text(const std::string& name, const std::string& text, std::size_t column,
                          std::size_t width);

/// `text` cut to `width` columns, with "..." at its end where something went. Zero is no limit.
std::string cut_to(const std::string& text, std::size_t width);

}  // namespace cesasim
