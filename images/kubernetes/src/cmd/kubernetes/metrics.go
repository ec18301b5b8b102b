package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	openapinamer "k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/component-base/logs"
	definitions "k8s.io/kubernetes/pkg/generated/openapi"
	"sigs.k8s.io/metrics-server/cmd/metrics-server/app/options"
	"sigs.k8s.io/metrics-server/pkg/api"
)

// runMetrics is metrics-server's own main, with one thing changed: it describes its API with the descriptions that
// come with this Kubernetes. Its own were written for two versions before, which named them otherwise.
func runMetrics() int {
	logs.InitLogs()
	defer logs.FlushLogs()
	given := options.NewOptions()
	command := &cobra.Command{
		Use:           "metrics-server",
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(*cobra.Command, []string) error {
			if errors := given.Validate(); len(errors) > 0 {
				return errors[0]
			}
			config, err := given.ServerConfig()
			if err != nil {
				return err
			}
			namer := openapinamer.NewDefinitionNamer(api.Scheme)
			old, oldV3 := config.Apiserver.OpenAPIConfig, config.Apiserver.OpenAPIV3Config
			config.Apiserver.OpenAPIConfig = genericapiserver.DefaultOpenAPIConfig(definitions.GetOpenAPIDefinitions, namer)
			config.Apiserver.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(definitions.GetOpenAPIDefinitions, namer)
			config.Apiserver.OpenAPIConfig.Info, config.Apiserver.OpenAPIV3Config.Info = old.Info, oldV3.Info
			server, err := config.Complete()
			if err != nil {
				return err
			}
			return server.RunUntil(genericapiserver.SetupSignalHandler())
		},
	}
	named := given.Flags()
	for _, each := range named.FlagSets {
		command.Flags().AddFlagSet(each)
	}
	if err := command.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
