# SPDX-License-Identifier: MIT
"""Conan 2 recipe of the tree that it stands in: conan create packaging/conan -s compiler.cppstd=20 --build=missing"""
import os
import re

from conan import ConanFile
from conan.errors import ConanException, ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load, rmdir

required_conan_version = ">=2.0"


class ProcpoolConan(ConanFile):
    name = "procpool"
    description = "A supervised pool of worker processes for C++20"
    license = "MIT"
    topics = ("process-pool", "multiprocessing", "parallelism", "isolation")
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False], "fPIC": [True, False]}
    default_options = {"shared": False, "fPIC": True}
    implements = ["auto_shared_fpic"]

    @property
    def _tree(self):
        return os.path.join(self.recipe_folder, "..", "..")

    def set_version(self):
        if self.version:
            return
        text = load(self, os.path.join(self._tree, "CMakeLists.txt"))
        found = re.search(r"project\(\s*procpool\s+VERSION\s+([0-9.]+)", text)
        if not found:
            raise ConanException("CMakeLists.txt does not say which version of procpool this is")
        self.version = found.group(1)

    def export_sources(self):
        for pattern in ("CMakeLists.txt", "LICENSE", "cmake/*", "include/*", "src/*", "backends/*"):
            copy(self, pattern, self._tree, self.export_sources_folder)

    def layout(self):
        self.folders.root = os.path.join("..", "..")
        cmake_layout(self)

    def requirements(self):
        # The public headers include cereal's; libuv stays inside.
        self.requires("cereal/1.3.2", transitive_headers=True)
        self.requires("libuv/[>=1.44 <2]")

    def validate(self):
        check_min_cppstd(self, 20)
        if self.settings.os not in ("Linux", "Macos", "Windows"):
            raise ConanInvalidConfiguration(f"procpool has no backend for {self.settings.os}")

    def build_requirements(self):
        self.tool_requires("cmake/[>=3.25]")

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["PROCPOOL_DEVELOP"] = False
        toolchain.cache_variables["PROCPOOL_INSTALL"] = True
        toolchain.generate()
        CMakeDeps(self).generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        CMake(self).install()
        # Conan makes these files itself, for every build system.
        rmdir(self, os.path.join(self.package_folder, "lib", "cmake"))
        rmdir(self, os.path.join(self.package_folder, "lib", "pkgconfig"))
        rmdir(self, os.path.join(self.package_folder, "share"))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "procpool")
        self.cpp_info.set_property("cmake_target_name", "procpool::procpool")
        self.cpp_info.set_property("pkg_config_name", "procpool")
        self.cpp_info.libs = ["procpool"]
        self.cpp_info.requires = ["cereal::cereal", "libuv::libuv"]
        self.cpp_info.defines = ["CEREAL_THREAD_SAFE=1"]
        if not self.options.shared:
            self.cpp_info.defines.append("PROCPOOL_STATIC")
        if self.settings.os == "Linux":
            self.cpp_info.system_libs = ["dl", "pthread"]
