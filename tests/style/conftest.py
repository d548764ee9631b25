"""The style of the code, as far as a machine can see it. BUILD_DIR is the build to look at (default build/asan);
STYLE_ALL=1 has clang-tidy look at all files and not only at those that changed."""
