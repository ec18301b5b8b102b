package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// Volumes that outlive a pod: a folder on the node where the pod was first placed, as k3s' local-path gives.
// The control plane says that there is a volume, and the node that it lies on makes and removes the folder.

const (
	volumeClass = "local-path"
	// The name that k3s' provisioner has, so that manifests written for it fit.
	provisioner  = "rancher.io/local-path"
	volumesDir   = dataDir + "/storage"
	volumeNode   = "drydock.io/node"
	selectedNode = "volume.kubernetes.io/selected-node"
)

// Claim is a pod's wish for a volume.
type Claim struct {
	Metadata struct {
		Meta
		Namespace   string            `json:"namespace"`
		UID         string            `json:"uid"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec struct {
		StorageClassName string   `json:"storageClassName"`
		AccessModes      []string `json:"accessModes"`
		VolumeName       string   `json:"volumeName"`
		Resources        struct {
			Requests map[string]string `json:"requests"`
		} `json:"resources"`
	} `json:"spec"`
}

// Volume is what a claim gets.
type Volume struct {
	Metadata struct {
		Meta
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec struct {
		ReclaimPolicy string `json:"persistentVolumeReclaimPolicy"`
	} `json:"spec"`
	Status struct {
		Phase string `json:"phase"`
	} `json:"status"`
}

const volumesPath = "/api/v1/persistentvolumes"

// provideVolumes makes a volume for every claim that has a node by now, and lets volumes go whose claim is gone.
func provideVolumes(ctx context.Context, api *API) {
	go watch(ctx, api, volumesPath, func(all []Volume) {
		for _, each := range all {
			release(ctx, api, each)
		}
	}, func(changed Volume) { release(ctx, api, changed) }, func(Volume) {})
	watch(ctx, api, "/api/v1/persistentvolumeclaims", func(all []Claim) {
		for _, each := range all {
			provide(ctx, api, each)
		}
	}, func(changed Claim) { provide(ctx, api, changed) }, func(Claim) {})
}

func provide(ctx context.Context, api *API, claim Claim) {
	node := claim.Metadata.Annotations[selectedNode]
	if claim.Spec.StorageClassName != volumeClass || claim.Spec.VolumeName != "" || node == "" {
		return
	}
	err := api.call(ctx, http.MethodPost, volumesPath, "application/json", volumeFor(claim, node), nil)
	if err != nil && !isStatus(err, http.StatusConflict) {
		say("no volume for %s: %v", claim.Metadata.Name, err)
	}
}

func volumeFor(claim Claim, node string) []byte {
	name := "pvc-" + claim.Metadata.UID
	text, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "PersistentVolume",
		"metadata": map[string]any{
			"name":        name,
			"labels":      map[string]string{volumeNode: node},
			"annotations": map[string]string{"pv.kubernetes.io/provisioned-by": provisioner},
		},
		"spec": map[string]any{
			"accessModes": claim.Spec.AccessModes,
			"capacity":    map[string]string{"storage": claim.Spec.Resources.Requests["storage"]},
			"claimRef": map[string]string{
				"apiVersion": "v1", "kind": "PersistentVolumeClaim", "uid": claim.Metadata.UID,
				"name": claim.Metadata.Name, "namespace": claim.Metadata.Namespace,
			},
			// The folder must be there: one that the kubelet made would belong to root alone.
			"hostPath": map[string]string{"path": filepath.Join(volumesDir, name), "type": "Directory"},
			"nodeAffinity": map[string]any{"required": map[string]any{"nodeSelectorTerms": []any{map[string]any{
				"matchExpressions": []any{map[string]any{
					"key": "kubernetes.io/hostname", "operator": "In", "values": []string{node},
				}},
			}}}},
			"persistentVolumeReclaimPolicy": "Delete",
			"storageClassName":              volumeClass,
		},
	})
	if err != nil {
		panic(err)
	}
	return text
}

func release(ctx context.Context, api *API, volume Volume) {
	ours := volume.Metadata.Annotations["pv.kubernetes.io/provisioned-by"] == provisioner
	if !ours || volume.Status.Phase != "Released" || volume.Spec.ReclaimPolicy != "Delete" || volume.Metadata.DeletionTimestamp != "" {
		return
	}
	if err := api.call(ctx, http.MethodDelete, volumesPath+"/"+volume.Metadata.Name, "", nil, nil); err != nil {
		say("volume %s stays: %v", volume.Metadata.Name, err)
	}
}

// keepFolders makes a folder for each volume that lies on this node, and removes those of volumes that are gone.
func keepFolders(ctx context.Context, api *API, node, root string) {
	appear := func(volume Volume) { makeFolder(root, volume.Metadata.Name) }
	watch(ctx, api, volumesPath+"?labelSelector="+volumeNode+"%3D"+node, func(all []Volume) {
		kept := map[string]bool{}
		for _, each := range all {
			kept[each.Metadata.Name] = true
			appear(each)
		}
		found, _ := os.ReadDir(root)
		for _, folder := range found {
			if !kept[folder.Name()] {
				removeFolder(root, folder.Name())
			}
		}
	}, appear, func(gone Volume) { removeFolder(root, gone.Metadata.Name) })
}

func makeFolder(root, name string) {
	path := filepath.Join(root, name)
	if err := os.MkdirAll(path, 0o777); err != nil {
		say("no folder for volume %s: %v", name, err)
		return
	}
	// Whatever user a pod runs as may write there; who may mount it is the API server's to say.
	_ = os.Chmod(path, 0o777)
}

func removeFolder(root, name string) {
	if strings.HasPrefix(name, "pvc-") {
		_ = os.RemoveAll(filepath.Join(root, name))
	}
}
