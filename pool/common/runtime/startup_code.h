// What a program's start leaves in its resident set.
#pragma once

namespace storagepool::runtime {

// Gives the code that only the start needed back: all code leaves the resident set, and what is used again
// comes back from the page cache as it is used (madvise(2), MADV_DONTNEED). Of the program and its libraries;
// nothing but segments that are executable and cannot be written, so that no contents are lost.
void release_startup_code();

}  // namespace storagepool::runtime
