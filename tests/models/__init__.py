"""Tests of autotl.models."""
